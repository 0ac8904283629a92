FROM busybox@{busybox}
WORKDIR /src
COPY --chmod=755 static/ ./static/
COPY . .
RUN --mount=target=/context \
    find static -type f | sort > manifest.txt && cp -r static /site && cp manifest.txt /site/
STOPSIGNAL SIGQUIT
ARG VERSION=v1.24.3
ENV SHORT=${VERSION#v} MINOR=${VERSION%.*} DASHED=${VERSION//./-}
