"""Images: their names, their documents, the store that keeps them, and archives of them."""
