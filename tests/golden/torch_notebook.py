# %% A two-layer network, its gradients by hand and by backward
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
inputs = torch.randn(6, 4)
labels = torch.randint(0, 3, (6,))
print(inputs, labels)

# %%
first = (torch.randn(4, 5) / 4).requires_grad_()
second = torch.randn(5, 3, requires_grad=True)
hidden = torch.tanh(inputs @ first)
logits = hidden @ second
loss = F.cross_entropy(logits, labels)
loss.backward()
loss

# %%
probabilities = F.softmax(logits, dim=1)
upstream = (probabilities - F.one_hot(labels, 3)) / len(labels)
d_second = hidden.T @ upstream
d_hidden = upstream @ second.T
d_first = inputs.T @ (d_hidden * (1 - hidden**2))
print(torch.allclose(d_second, second.grad, atol=1e-6), torch.allclose(d_first, first.grad, atol=1e-6))
second.grad

# %%
first.grad.shape, first.grad.norm().item() > 0, hidden.grad_fn is not None

# %% What cannot be done says so
hidden.backward()

# %%
inputs @ second

# %%
loss.backward()

# %%
torch.tensor([1, 2, 3], requires_grad=True)

# %%
first += 1

# %% A model trained
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(4, 8)
        self.leave = nn.Linear(8, 1)

    def forward(self, x):
        return self.leave(torch.relu(self.enter(x)))


torch.manual_seed(1)
model = Network()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
target = inputs.sum(dim=1, keepdim=True)
for epoch in range(20):
    optimizer.zero_grad()
    loss = nn.MSELoss()(model(inputs), target)
    loss.backward()
    optimizer.step()
    if epoch % 5 == 0:
        print(f"epoch {epoch}: loss {loss.item():.4f}")
model

# %%
for name, parameter in model.named_parameters():
    print(name, parameter.shape, parameter.requires_grad)
model.leave.bias

# %% Jacobians, a step of one's own, hooks
from torch.autograd.functional import hessian, jacobian


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


point = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
print(jacobian(lambda x: x.cumsum(0) ** 2, point))
print(hessian(lambda x: (x[:-1] * x[1:]).prod(), point))
point.register_hook(lambda g: print("gradient", g))
Square.apply(point).sum().backward()
point.grad

# %%
x = torch.linspace(-1, 1, 5, dtype=torch.float64)
weights = torch.ones(5)
print(x.dtype, (x * weights).dtype, x.int(), x > 0, x.max(), x.argmax())
values, order = torch.sort(-x)
print(values, order)
torch.stack([x, x**2]).mean(dim=1)
