{{- define "certwright.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* The name that all objects begin with: at most 50 characters, so that a suffix fits into a Service's 63. */ -}}
{{- define "certwright.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "certwright.selectorLabels" -}}
app.kubernetes.io/name: {{ include "certwright.name" . | quote }}
app.kubernetes.io/instance: {{ quote .Release.Name }}
{{- end -}}

{{- define "certwright.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "certwright.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "certwright.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "certwright.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "certwright.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "certwright.solverImage" -}}
{{- $image := .Values.http01Solver.pods.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* A map as a flag takes it: a=1,b=2. */ -}}
{{- define "certwright.pairs" -}}
{{- $pairs := list -}}
{{- range $name, $value := . -}}
{{- $pairs = append $pairs (printf "%s=%v" $name $value) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- end -}}

{{- /* What the URLs of revocation lists begin with. */ -}}
{{- define "certwright.crlBaseURL" -}}
{{- default (printf "http://%s-crl.%s.svc" (include "certwright.fullname" .) .Release.Namespace) .Values.crl.baseURL -}}
{{- end -}}

{{- /* Where the Secrets of ClusterIssuers are. */ -}}
{{- define "certwright.clusterResourceNamespace" -}}
{{- default .Release.Namespace .Values.clusterResourceNamespace -}}
{{- end -}}

{{- /* The subject of every binding. */ -}}
{{- define "certwright.subjects" -}}
- kind: ServiceAccount
  name: {{ include "certwright.serviceAccountName" . }}
  namespace: {{ quote .Release.Namespace }}
{{- end -}}

{{- /* Where workloads are restarted, as JSON: none for everywhere that the operator works. */ -}}
{{- define "certwright.restartNamespaces" -}}
{{- range $namespace := .Values.restartOnRenewal.namespaces -}}
{{- if and $.Values.namespaces (not (has $namespace $.Values.namespaces)) -}}
{{- fail (printf "restartOnRenewal.namespaces has %q, which is not among namespaces: no certificates are kept there" $namespace) -}}
{{- end -}}
{{- end -}}
{{- toJson .Values.restartOnRenewal.namespaces -}}
{{- end -}}

{{- /* Stops where the DNS providers would run as the operator's user, unless the cluster chooses both. */ -}}
{{- define "certwright.twoUsers" -}}
{{- $pod := (.Values.podSecurityContext).runAsUser -}}
{{- $operator := default $pod (.Values.containerSecurityContext).runAsUser -}}
{{- $dnsSolver := default $pod (.Values.dnsSolver.securityContext).runAsUser -}}
{{- if and $operator (eq (int64 $operator) (int64 $dnsSolver)) -}}
{{- fail (printf "dnsSolver.securityContext.runAsUser has to differ from the operator's, %d: DNS providers must not be able to do what the operator can" (int64 $operator)) -}}
{{- end -}}
{{- end -}}
