"""Insurance: products, buying and renewing covers, claims and how staff decide them."""
