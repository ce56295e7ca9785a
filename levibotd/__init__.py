"""LeviBot: follow Telegram signal channels without being robbed by them."""

__version__ = "0.1.0"
