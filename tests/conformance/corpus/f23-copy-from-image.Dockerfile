FROM scratch
COPY --from=busybox:latest /bin/busybox /bin/
COPY --from=busybox:latest /etc/passwd /etc/group /etc/
ENTRYPOINT ["/bin/busybox"]
