"""From a file to a sheet: text cells, each row knowing its line; `read` is the room's face."""
