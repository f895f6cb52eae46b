"""What goes on inside a net: Monitor, gradients checked and measured."""
