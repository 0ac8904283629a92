FROM scratch
COPY app /app
ENTRYPOINT ["/app/main.sh", "$X"]
CMD ["a", "b c"]
