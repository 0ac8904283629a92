FROM scratch AS base
COPY VERSION /
CMD ["x"]
FROM base
ENTRYPOINT ["y"]
