FROM scratch AS one
COPY app /app
FROM scratch AS two
COPY --from=one /app/main.sh /bin/main
FROM two
COPY --from=0 /app/lib.sh /lib/
COPY --from=ONE /app/README.md /
