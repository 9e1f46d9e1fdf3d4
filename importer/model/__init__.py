"""The words that every other room shares; imports nothing of ours."""
