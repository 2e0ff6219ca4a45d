"""The console: pages for people, over the same services as the API. They work without JavaScript."""
