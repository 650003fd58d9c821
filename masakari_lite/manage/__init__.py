"""What masakari-lite-manage can do."""
