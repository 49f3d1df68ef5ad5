"""What proves who somebody is: PINs, one-time codes, and how often each may be tried."""
