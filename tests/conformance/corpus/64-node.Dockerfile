# check=skip=JSONArgsRecommended;error=false

FROM --platform=$BUILDPLATFORM busybox AS builder
ARG TARGETPLATFORM
ARG BUILDPLATFORM
WORKDIR /src
COPY package.json package-lock.json ./
COPY . .
RUN echo "for $TARGETPLATFORM" > /platform
RUN --mount=type=cache,id=pkg,target=/var/cache/pkg,sharing=locked \
    mkdir -p dist && cp static/index.html dist/ && echo built > dist/build.txt

FROM builder AS test
RUN sh app/test/test.sh

FROM busybox
COPY --from=builder /src/dist/ /opt/app/
ENV A=1
ENV B=$A-2 C=${NONE:-three} D=${A:+set}
EXPOSE 8080/tcp 53/udp
