"""Who carries an SMS, a file each."""
