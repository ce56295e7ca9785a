"""What the core needs from outside, in our words."""
