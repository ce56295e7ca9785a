"""What is around a call: how channels lean, how busy they are, where prices go. `[features]` and `GET /features`."""
