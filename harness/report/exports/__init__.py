"""A run in the forms that hubs, papers and archives read, one file a form, and a data set as Croissant."""
