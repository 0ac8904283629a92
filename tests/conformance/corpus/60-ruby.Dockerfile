ARG BASE=busybox:latest
FROM ${BASE}
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY --chown=65532:65532 Gemfile ./
COPY . .
RUN mkdir -p vendor \
 && cp Gemfile vendor/
RUN echo "$TARGETARCH" > /platform
ARG GIT_SHA=unknown
LABEL revision=$GIT_SHA
ENTRYPOINT exec app
