"""The actor runtime: mailboxes, supervision, injected time. Knows nothing about trading."""
