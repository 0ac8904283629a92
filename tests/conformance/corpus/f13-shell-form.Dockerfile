FROM scratch
COPY app /app
SHELL ["/bin/ash", "-eo", "pipefail", "-c"]
ENTRYPOINT exec /app/main.sh "$X"
CMD a b
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2s --retries=4 CMD test -e /app
