"""From the text of a post to its kind and its legs."""
