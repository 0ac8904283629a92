FROM busybox@{busybox}
WORKDIR /src
COPY --link package.json package-lock.json ./
COPY . .
RUN mkdir -p dist \
 && cp static/index.html dist/ \
 && echo built > dist/build.txt
USER 65532:65532
COPY app/main.sh \
     # the library
     app/lib.sh \
     /opt/app/
