"""The networks: each turns a picture into a picture of answers. They import only each other and `lab`."""
