FROM busybox
WORKDIR /src
COPY go.mod go.sum ./
COPY . .
RUN --mount=type=cache,target=/root/.cache \
    mkdir -p /out && cp app/main.sh /out/app && cp app/lib.sh /out/
ENTRYPOINT ["/opt/entrypoint.sh"]
CMD ["app", "--serve"]
WORKDIR /var/lib
WORKDIR app
