"""Monitor, gradcheck, gradient_flow and lr_finder."""
