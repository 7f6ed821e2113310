"""Adam and L-BFGS."""
