# syntax=docker/dockerfile:1.7

ARG REGISTRY=docker.io/library
ARG TAG
FROM ${REGISTRY}/busybox:${TAG:-latest}
WORKDIR /src
COPY package.json package-lock.json ./
COPY . .
RUN mkdir -p dist \
 && cp static/index.html dist/ \
 && echo built > dist/build.txt
ARG GIT_SHA=unknown
LABEL revision=$GIT_SHA
ENTRYPOINT exec app
