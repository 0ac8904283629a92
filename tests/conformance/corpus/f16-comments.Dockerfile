# a comment

#syntax=not a directive
FROM scratch
# one
COPY app/main.sh \
  # two

  app/lib.sh \
# three
  /x/
   # indented
COPY VERSION /
