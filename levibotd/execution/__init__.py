"""The order protocol: intent first, one send, fence, proof."""
