FROM busybox@{busybox} AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY . .
RUN <<EOF
set -e
mkdir -p /out
cp app/main.sh /out/app
cp app/lib.sh /out/
EOF

FROM busybox:latest
COPY --from=build /out/ /opt/app/
RUN cat <<EOF > /etc/issue && cat /etc/issue
issue
EOF
STOPSIGNAL SIGQUIT
ARG VERSION=1.24.3
ENV VERSION=$VERSION
