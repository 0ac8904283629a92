# syntax=docker/dockerfile:1.7

FROM --platform=${BUILDPLATFORM} busybox:latest AS builder
ARG TARGETPLATFORM
ARG BUILDPLATFORM
WORKDIR /src
COPY package.json package-lock.json ./
COPY . .
RUN echo "for $TARGETPLATFORM" > /platform
RUN --mount=target=/context \
    mkdir -p dist && cp static/index.html dist/ && echo built > dist/build.txt

FROM busybox:latest AS final
COPY --from=builder /src/dist/ /opt/app/
RUN cat <<EOF > /etc/issue && cat /etc/issue
issue
EOF
ADD conf /etc/conf
