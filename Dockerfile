# syntax=docker/dockerfile:1

# The builder runs on the machine's own platform and cross-compiles, so that no step is emulated.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH
ARG VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY main.go ./
COPY api ./api
COPY controllers ./controllers
COPY internal ./internal
COPY cmd/solver ./cmd/solver
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X github.com/certwright/certwright/internal/operator.Version=${VERSION}" \
    -o /certwright .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w" -o /solver ./cmd/solver

# The DNS providers are a module of their own. It shares two packages of the operator's, which are there already.
WORKDIR /src/cmd/dns-solver
COPY cmd/dns-solver/go.mod cmd/dns-solver/go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd/dns-solver ./
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w" -o /dns-solver .

# The image of pods that answer HTTP-01 challenges, an image of its own: docker build --target solver
FROM scratch AS solver
COPY --from=build /solver /solver
USER 65532:65532
EXPOSE 8089
ENTRYPOINT ["/solver"]

# Nothing but the programs and the roots that CAs are verified against. Neither writes a file.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /certwright /certwright
COPY --from=build /dns-solver /dns-solver
USER 65532:65532
# metrics, health, HTTP-01 answers, TLS-ALPN-01 answers
EXPOSE 8080 8081 8089 8443
ENTRYPOINT ["/certwright"]
