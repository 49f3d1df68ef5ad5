"""Jobs: the market, applying, hiring, the pay in escrow, and how both sides rate one another."""
