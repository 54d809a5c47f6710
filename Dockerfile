# A static binary on nothing: docs/DEPLOYMENT.md. `make image` builds it with the version, commit and date of the tree.
# The Go of go.mod; a test compares.
ARG GO=1.26

FROM --platform=$BUILDPLATFORM golang:${GO} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev COMMIT=unknown DATE=unknown
ARG TARGETOS TARGETARCH TARGETVARIANT
# GOARM is 7 for linux/arm/v7; for other processors the variant means something else.
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=$([ "$TARGETARCH" != arm ] || echo ${TARGETVARIANT#v}) make build OUT=/image/agent VERSION="$VERSION" COMMIT="$COMMIT" DATE="$DATE"
# What else the image has. Nobody but the agent reads its state.
RUN mkdir -p /image/etc /image/var/lib/resoagent && chmod 0700 /image/var/lib/resoagent
RUN echo 'resoagent:x:65532:65532::/var/lib/resoagent:/' >/image/etc/passwd && echo 'resoagent:x:65532:' >/image/etc/group

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /image/etc/ /etc/
COPY --from=build --chown=65532:65532 /image/var/ /var/
COPY --from=build /image/agent /agent
USER 65532:65532
# TMPDIR: where SQLite puts what does not fit its memory. There is no /tmp, and no need of one.
ENV AGENT_STATE_DIR=/var/lib/resoagent TMPDIR=/var/lib/resoagent
VOLUME /var/lib/resoagent
# With AGENT_LISTEN=0.0.0.0:9464.
EXPOSE 9464
# Asks the agent over its socket in the state directory, so it needs no shell, no curl and no port.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/agent", "health"]
ENTRYPOINT ["/agent"]
CMD ["run"]
