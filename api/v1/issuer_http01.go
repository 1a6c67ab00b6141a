package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// HTTP01Solver answers HTTP-01 challenges. Exactly one of its fields is set.
//
// +kubebuilder:validation:XValidation:rule="has(self.ingress) != has(self.gatewayHTTPRoute)",message="an http01 solver routes in exactly one way: set either ingress or gatewayHTTPRoute"
type HTTP01Solver struct {
	// Ingress routes the challenge through an Ingress.
	// +optional
	Ingress *HTTP01Ingress `json:"ingress,omitempty"`

	// GatewayHTTPRoute routes the challenge through an HTTPRoute of the Gateway API.
	// +optional
	GatewayHTTPRoute *HTTP01GatewayHTTPRoute `json:"gatewayHTTPRoute,omitempty"`
}

// SolverMode says what answers behind the route of an HTTP-01 challenge.
//
// +kubebuilder:validation:Enum=Shared;Pod
type SolverMode string

const (
	// SolverShared has the operator itself answer: nothing has to be started.
	SolverShared SolverMode = "Shared"
	// SolverPod has a pod answer that is started for the order, in the namespace of the Certificate.
	SolverPod SolverMode = "Pod"
)

// HTTP01Ingress routes a challenge through an Ingress. At most one of class, ingressClassName and name is
// set.
//
// +kubebuilder:validation:XValidation:rule="!has(self.podTemplate) || !has(self.solver) || self.solver == 'Pod'",message="a podTemplate is for pods: leave out solver, or set it to Pod"
// +kubebuilder:validation:XValidation:rule="[has(self.class), has(self.ingressClassName), has(self.name) && size(self.name) > 0].filter(set, set).size() <= 1",message="the ingress is found in one way: set at most one of ingressClassName, class and name"
type HTTP01Ingress struct {
	// Solver is Shared (the operator answers) or Pod (a pod of the order's own does). The default is Pod with a
	// podTemplate, else the operator's setting.
	// +optional
	Solver SolverMode `json:"solver,omitempty"`

	// ServiceType is the type of the Service of a solver's Pod: NodePort (the default) or ClusterIP.
	// +kubebuilder:validation:Enum="";NodePort;ClusterIP
	// +optional
	ServiceType corev1.ServiceType `json:"serviceType,omitempty"`

	// IngressClassName is the class of the Ingress to make. Prefer it to class.
	// +optional
	IngressClassName *string `json:"ingressClassName,omitempty"`

	// Class is the class of the Ingress to make, as the annotation kubernetes.io/ingress.class, for
	// controllers that know only this.
	// +optional
	Class *string `json:"class,omitempty"`

	// Name is an existing Ingress, in the namespace of the Certificate, to add the challenge's path to
	// instead of making one. It is for controllers that give each Ingress an address of its own.
	// +optional
	Name string `json:"name,omitempty"`

	// PodTemplate adds to the solver's Pod.
	// +optional
	PodTemplate *SolverPodTemplate `json:"podTemplate,omitempty"`

	// IngressTemplate adds to the solver's Ingress.
	// +optional
	IngressTemplate *SolverIngressTemplate `json:"ingressTemplate,omitempty"`
}

// HTTP01GatewayHTTPRoute routes a challenge through an HTTPRoute.
//
// +kubebuilder:validation:XValidation:rule="!has(self.podTemplate) || !has(self.solver) || self.solver == 'Pod'",message="a podTemplate is for pods: leave out solver, or set it to Pod"
type HTTP01GatewayHTTPRoute struct {
	// Solver is Shared (the operator answers) or Pod (a pod of the order's own does). The default is Pod with a
	// podTemplate, else the operator's setting.
	// +optional
	Solver SolverMode `json:"solver,omitempty"`

	// ServiceType is the type of the Service of a solver's Pod: NodePort (the default) or ClusterIP.
	// +kubebuilder:validation:Enum="";NodePort;ClusterIP
	// +optional
	ServiceType corev1.ServiceType `json:"serviceType,omitempty"`

	// Labels to set on the HTTPRoute.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// ParentRefs are the Gateways, or listeners of them, that the HTTPRoute attaches to.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +optional
	ParentRefs []ParentReference `json:"parentRefs,omitempty"`

	// PodTemplate adds to the solver's Pod.
	// +optional
	PodTemplate *SolverPodTemplate `json:"podTemplate,omitempty"`
}

// ParentReference names what a route attaches to, with the fields of the Gateway API.
type ParentReference struct {
	// Group of the parent. Empty means the core group.
	// +kubebuilder:default=gateway.networking.k8s.io
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	Group *string `json:"group,omitempty"`

	// Kind of the parent.
	// +kubebuilder:default=Gateway
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$`
	// +optional
	Kind *string `json:"kind,omitempty"`

	// Namespace of the parent. The default is the namespace of the route.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Namespace *string `json:"namespace,omitempty"`

	// Name of the parent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// SectionName is one listener of the parent. The default is all of them.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	SectionName *string `json:"sectionName,omitempty"`

	// Port limits the parent's listeners to those of this port.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port *int32 `json:"port,omitempty"`
}

// SolverMetadata has labels and annotations for an object of the solver.
type SolverMetadata struct {
	// Annotations to set. They win over the operator's own.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels to set. They win over the operator's own.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// SolverIngressTemplate adds to the Ingress of the solver.
type SolverIngressTemplate struct {
	// Metadata has labels and annotations for the Ingress.
	// +optional
	Metadata SolverMetadata `json:"metadata,omitzero"`
}

// SolverPodTemplate adds to the Pod of the solver.
type SolverPodTemplate struct {
	// Metadata has labels and annotations for the Pod.
	// +optional
	Metadata SolverMetadata `json:"metadata,omitzero"`

	// Spec adds to the Pod's spec.
	// +optional
	Spec SolverPodSpec `json:"spec,omitzero"`
}

// SolverPodSpec is the part of a Pod's spec that a solver's Pod takes from its template. The fields mean
// what they mean in a Pod.
type SolverPodSpec struct {
	// NodeSelector are labels of the nodes to run on.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Affinity says which nodes to run on and which Pods to run beside.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// Tolerations are the taints to run in spite of.
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// PriorityClassName is the Pod's priority.
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// ServiceAccountName is the Pod's service account. Its token is not mounted.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// ImagePullSecrets are the Secrets to pull the solver's image with.
	// +listType=map
	// +listMapKey=name
	// +patchMergeKey=name
	// +patchStrategy=merge
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty" patchMergeKey:"name" patchStrategy:"merge"`

	// SecurityContext is the security context of the Pod. It replaces the operator's own as a whole.
	// +optional
	SecurityContext *SolverPodSecurityContext `json:"securityContext,omitempty"`

	// Resources are what the Pod's container may use. Each entry replaces the operator's own.
	// +optional
	Resources *SolverPodResources `json:"resources,omitempty"`
}

// SolverPodResources are what the container of a solver's Pod may use.
type SolverPodResources struct {
	// Limits are the most that the container may use.
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`

	// Requests are what is set aside for the container.
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`
}

// SolverPodSecurityContext is the part of a Pod's security context that a solver's Pod takes from its
// template. The fields mean what they mean in a Pod.
type SolverPodSecurityContext struct {
	// SELinuxOptions are the SELinux labels of the containers.
	// +optional
	SELinuxOptions *corev1.SELinuxOptions `json:"seLinuxOptions,omitempty"`

	// RunAsUser is the user ID that the containers run as.
	// +optional
	RunAsUser *int64 `json:"runAsUser,omitempty"`

	// RunAsGroup is the group ID that the containers run as.
	// +optional
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`

	// RunAsNonRoot refuses to run as user 0.
	// +optional
	RunAsNonRoot *bool `json:"runAsNonRoot,omitempty"`

	// SupplementalGroups are further groups of the containers.
	// +listType=atomic
	// +optional
	SupplementalGroups []int64 `json:"supplementalGroups,omitempty"`

	// FSGroup is the group that owns the Pod's volumes.
	// +optional
	FSGroup *int64 `json:"fsGroup,omitempty"`

	// Sysctls are namespaced kernel parameters.
	// +listType=atomic
	// +optional
	Sysctls []corev1.Sysctl `json:"sysctls,omitempty"`

	// FSGroupChangePolicy says when the group of volumes is changed.
	// +optional
	FSGroupChangePolicy *corev1.PodFSGroupChangePolicy `json:"fsGroupChangePolicy,omitempty"`

	// SeccompProfile is the seccomp profile of the containers.
	// +optional
	SeccompProfile *corev1.SeccompProfile `json:"seccompProfile,omitempty"`
}
