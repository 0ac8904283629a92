FROM scratch
COPY conf $NOTHING /x/
COPY VERSION go.mod .
