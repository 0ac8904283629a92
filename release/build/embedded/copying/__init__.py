"""`COPY` and `ADD` of local files: from an instruction to the files that it changes in an image."""
