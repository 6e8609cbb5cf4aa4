"""Facts and rules without input or output."""
