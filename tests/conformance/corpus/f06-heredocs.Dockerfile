FROM scratch
ENV NAME=app
COPY <<EOF /etc/motd
welcome to $NAME
it costs \$5
EOF
COPY <<robots.txt <<'raw.txt' /html/
User-agent: *
robots.txt
keep $THIS and \n
raw.txt
COPY --chmod=755 --chown=3 <<-"RUN" /run.sh
	#!/bin/sh
	echo run
	RUN
