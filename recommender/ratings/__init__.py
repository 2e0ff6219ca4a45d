"""Rating prediction: what a subject would rate a title, from one private measurement of everybody's ratings."""
