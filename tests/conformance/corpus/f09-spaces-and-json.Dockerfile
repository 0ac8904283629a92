FROM scratch
COPY ["a b/c d.txt", "/s s/"]
COPY ["VERSION", "/v/"]
COPY "VERSION" '/q/'
ADD ["a b", "/d d"]
