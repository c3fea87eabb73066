"""Read masks: what their pixels mean, and whether that can be right."""
