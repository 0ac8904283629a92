# syntax=docker/dockerfile:1
FROM scratch
COPY --exclude=*.md --exclude=test app /app/
ADD --exclude=**/*.h src /src/
