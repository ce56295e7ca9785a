"""What carries the event log between LoggerActor and its journal."""
