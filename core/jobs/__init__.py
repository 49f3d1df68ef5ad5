"""Work: the market of jobs, applying, hiring, the pay in escrow, and what both sides think of one another."""
