"""Monitor, gradcheck and gradient_flow."""
