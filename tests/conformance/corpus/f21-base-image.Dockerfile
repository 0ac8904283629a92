FROM busybox:latest
COPY app /usr/local/app/
ENV PATH=/usr/local/app:$PATH
CMD ["main.sh"]
