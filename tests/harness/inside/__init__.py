"""What is put into the process of an engine, which imports nothing else of the tests."""
