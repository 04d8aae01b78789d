"""Files of strangers read and written: pictures, GIFs, films, archives. They import only each other, never torch."""
