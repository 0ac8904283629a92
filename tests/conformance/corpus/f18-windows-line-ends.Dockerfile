FROM scratch
COPY app/main.sh \
  app/lib.sh \
  /x/
COPY <<EOF /y
kept
EOF
