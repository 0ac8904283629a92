FROM scratch
COPY VERSION /
LABEL a=b "c d"='e f' multi="one \
 two"
LABEL a=z
ENV OLD style value here
ENV X=1 Y=2
ENV X=3 Z=$X
