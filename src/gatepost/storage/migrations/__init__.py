"""How the schema came about, one file for each step; each stays as it was when its release went out."""
